// Package kubernetes checks the recipe in examples/kubernetes: that Kubernetes knows every field of
// the manifests, and that what they say of each other is true.
//
// The types are those of the oldest version of Kubernetes that the recipe is for. There is no
// cluster here: what the tests show is that the manifests say what docs/kubernetes.md promises, not
// what a cluster makes of them.
package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// This file decides what the manifests say: it decodes them, and finds each object by its name.

// recipe is all that belongs to the recipe.
type recipe struct {
	settings *corev1.ConfigMap
	nodes    *corev1.Service // headless
	policy   *networkingv1.NetworkPolicy
	budget   *policyv1.PodDisruptionBudget
	set      *appsv1.StatefulSet
	app      *appsv1.Deployment
	front    *corev1.Service // of the app

	dockerfile string // of the command
	page       string // docs/kubernetes.md
}

const (
	manifests  = "../../examples/kubernetes"
	dockerfile = "Dockerfile"
	page       = "kubernetes.md"
)

// read returns the files of the recipe by their names.
func read(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(manifests, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	paths = append(paths, filepath.Join(manifests, dockerfile), filepath.Join("../../docs", page))
	files := map[string]string{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = string(b)
	}
	return files
}

// decoder refuses fields that Kubernetes does not know, in upper and lower case as it does itself,
// and fields that are there twice.
var decoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}()

// decode reads the recipe from its files. Every document must be an object that the recipe has a
// place for.
func decode(files map[string]string) (*recipe, error) {
	r := &recipe{dockerfile: files[dockerfile], page: files[page]}
	for name, text := range files {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader([]byte(text))))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			object, _, err := decoder.Decode(document, nil, nil)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if err := r.place(object); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if r.settings == nil || r.nodes == nil || r.policy == nil || r.budget == nil || r.set == nil || r.app == nil || r.front == nil {
		return nil, fmt.Errorf("an object is missing: %+v", r)
	}
	return r, nil
}

func (r *recipe) place(object runtime.Object) error {
	switch o := object.(type) {
	case *corev1.ConfigMap:
		return one(&r.settings, o)
	case *networkingv1.NetworkPolicy:
		return one(&r.policy, o)
	case *policyv1.PodDisruptionBudget:
		return one(&r.budget, o)
	case *appsv1.StatefulSet:
		return one(&r.set, o)
	case *appsv1.Deployment:
		return one(&r.app, o)
	case *corev1.Service:
		if o.Spec.ClusterIP == corev1.ClusterIPNone {
			return one(&r.nodes, o)
		}
		return one(&r.front, o)
	}
	return fmt.Errorf("nothing is checked of a %T", object)
}

func one[T any](place **T, o *T) error {
	if *place != nil {
		return fmt.Errorf("there are two of %T", o)
	}
	*place = o
	return nil
}

// container returns the container with that name, and nil where there is none.
func container(containers []corev1.Container, name string) *corev1.Container {
	for i := range containers {
		if containers[i].Name == name {
			return &containers[i]
		}
	}
	return nil
}
