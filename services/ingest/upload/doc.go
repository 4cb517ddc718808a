// Package upload is how a sender hands in a file over HTTPS: whole in one
// request, or in parts that survive a broken line, a crash of either side and
// a night of waiting. A token lets in files of one feed and of no other.
//
// # The protocol
//
// Parts follow tus 1.0.0 (tus.io) with the extensions creation, checksum
// (sha256), expiration and termination. A file whole is PUT /v1/files/NAME.
// Beside that, a receipt can be asked for, as JSON or as text, and the rejected
// rows. The document schemas/openapi/upload.yaml says all of it, and a test
// holds every answer against it.
//
// # What holds
//
//   - An offset is told only when the bytes before it are on disk, and it never
//     falls. What was not told is cut off before the next part is written.
//   - A file is handed in when all of it is there and, where the sender said
//     its SHA-256, has that; before, nothing of it is seen. From then on it is
//     handed in until it has a receipt, through any crash. Bytes that came
//     before are a note (package ingest).
//   - Where there is a key for raw files, no byte lies here in clear: every
//     upload has a key of its own, encrypted for that (package rawstore).
//   - Nothing is taken in clear text over a network, unless the operator says
//     that a proxy before this process has encrypted it.
//   - A token is compared in constant time, and it stands in no URL, file or
//     log line; only its SHA-256 is known here.
//   - A name never leads out of the upload's own folder, a body never beyond
//     the announced length, and a sender that stalls loses its connection but
//     not what it has sent.
//
// It refuses to own what a file means and which receipt it gets (package
// ingest), who listens and with which certificate (the wiring), and the raw
// store: what lies here is on its way in and is removed.
package upload
