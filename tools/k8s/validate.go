package main

import (
	"errors"
	"fmt"
	"io/fs"

	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	"sigs.k8s.io/kubectl-validate/pkg/validator"
)

// kubernetesVersion is the version of the schemas of built-in kinds: the oldest version that the
// chart allows.
const kubernetesVersion = "1.30"

// newValidator returns the validation of the API server, offline, for built-in kinds and for those
// of the CRDs in folders.
func newValidator(crds ...fs.FS) (*validator.Validator, error) {
	return validator.New(openapiclient.NewOverlay(
		openapiclient.HardcodedPatchLoader(kubernetesVersion),
		openapiclient.NewComposite(
			openapiclient.NewLocalCRDFiles(crds...), openapiclient.NewHardcodedBuiltins(kubernetesVersion),
		),
	))
}

// validate checks each document of a YAML stream with the validator.
func validate(v *validator.Validator, stream []byte) error {
	all, err := readObjects(stream)
	if err != nil {
		return err
	}
	var faults []error
	for _, o := range all {
		b, err := marshal(o)
		if err != nil {
			return err
		}
		_, parsed, err := v.Parse(b)
		if err == nil {
			err = v.Validate(parsed)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", o, err))
		}
	}
	return errors.Join(faults...)
}
