// Package api answers programs. In: the present and the past (serve.Deps). Out: JSON. It holds no state.
package api
