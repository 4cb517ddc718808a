// Package dashboards owns what Grafana shows of the released store: the
// dashboards as Go values, with every query in them, and the JSON that Grafana
// 12 reads, which lies beside the code (*.json) and equals a fresh generation.
//
// It refuses to own the data source and the provisioning (deploy/grafana), the
// views that it reads (schemas/clickhouse/released) and any method: nothing is
// computed here that the views do not already hold. A query reads released
// views only, and shows a number only in a state that shows one: a missing unit
// is not a zero. Lists of units are ordered by name, never by value.
package dashboards
