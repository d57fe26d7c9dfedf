package main

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/darkmap/darkmap/internal/kafka"
)

// datasetName matches the valid names of datasets.
var datasetName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

// checkDatasetName fails if name is no valid name of a dataset. It accepts the empty name, which
// means that none was given.
func checkDatasetName(name string) error {
	if name == "" || datasetName.MatchString(name) {
		return nil
	}
	return fmt.Errorf(
		"--dataset %s: want at most 64 letters, digits, dots, underscores and hyphens, no dot first", name,
	)
}

// demoName matches the names of demos' datasets. Every demo replaces its dataset.
var demoName = regexp.MustCompile(`^demo(-[0-9]+)?$`)

// checkPlayed fails if files must not be played into the dataset, because live sources, archives or
// demos write it. It accepts the empty name, which means that none was given yet.
func checkPlayed(dataset string) error {
	switch {
	case dataset == kafka.LiveDataset, dataset == followDataset:
		return fmt.Errorf(
			"--dataset %s: it holds data of live sources or archives, and files do not go into it: "+
				"name another",
			dataset,
		)
	case demoName.MatchString(dataset):
		return fmt.Errorf("--dataset %s: it is a demo's, which replaces it: name another", dataset)
	}
	return nil
}

// checkCollected keeps archives, which are always late, apart from live sources, and both apart
// from demos.
func checkCollected(follow bool, dataset string) error {
	switch {
	case follow && dataset == kafka.LiveDataset:
		return errors.New("archives are minutes late: they cannot be mixed with live sources; " +
			"give --follow a dataset of its own (without --dataset: follow)")
	case !follow && dataset == followDataset:
		return errors.New("--dataset follow: it holds data of archives, which are minutes late: " +
			"live sources cannot be mixed with it")
	case demoName.MatchString(dataset):
		return fmt.Errorf("--dataset %s: it is a demo's, which replaces it: name another", dataset)
	}
	return nil
}
