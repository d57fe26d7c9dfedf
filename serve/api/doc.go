// Package api answers programs: /v1 (huma writes its OpenAPI document, openapi.json), its stream,
// /v2 in IODA's format, Statuspage's summary, Atom, llms.txt, and tools for assistants (MCP).
//
// In: the present and the past (serve.Deps). Out: JSON, CSV, Atom, server-sent events. In each of
// these forms, viewers who are not logged in get only public data: every question goes through
// serve.Deps, which knows the viewer. Names that others chose (of networks, of watch lists) are in
// fields of their own. The package keeps no state except the newest minutes as bytes, which all
// streams share. A stream runs in the goroutine of its request and ends with it.
package api
