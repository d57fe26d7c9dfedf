// Package api answers programs: /v1 (huma writes its OpenAPI document, openapi.json), its stream, /v2 in IODA's shape, Statuspage's summary, Atom, llms.txt, and
// tools for assistants (MCP).
//
// In: the present and the past (serve.Deps). Out: JSON, CSV, Atom, server-sent events. Who is not logged in gets what is public, in each of these forms: every
// question goes through serve.Deps, which knows who asks. Names that others chose (of networks, of watch lists) stand in fields of their own.
// It holds no state but the newest minutes as bytes, which all streams share. A stream is one goroutine, that of its request, and ends with it.
package api
