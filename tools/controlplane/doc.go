// Package controlplane tests deploy/k8s with a real Kubernetes control plane: etcd, API server,
// controller manager and scheduler, built from their Go modules (build). kwok plays the kubelets:
// its nodes accept pods, and its pods become ready without running. No container runs and no
// network policy is enforced.
//
// The go.mod of this folder names Kubernetes, that of nodes names etcd and kwok: their
// dependencies exclude each other. The tests import neither.
package controlplane
