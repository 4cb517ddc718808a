// Package portal is the service that people and monitors reach over HTTP: a
// page with the status summary, /healthz, /metrics, and the door through which
// source operators hand in exports.
//
// It refuses to own what the status is and who may hand in what (both are
// given to it), and it never reads the stores by itself. It shows counts, and
// no value, unit or flag: the page has no login.
//
// # What must hold
//
//   - Nothing on a page runs or loads anything: the content security policy
//     allows no script, no foreign origin, no frame, no form.
//   - A request of another origin that could change something is refused
//     (http.CrossOriginProtection).
//   - No request holds a connection for ever, except the body of an export.
package portal
