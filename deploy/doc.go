// Package deploy owns how the parts run together as containers: the image, the
// configuration of NATS, ClickHouse, Prometheus and Grafana, and docker-compose.yml
// above it. It has no code of its own; its tests hold these files against the
// program, a real NATS server and the real engine.
//
// It refuses to own what the services do (packages below services), the
// dashboards (package dashboards) and machines, proxies and certificates, which
// are the operator's.
package deploy
