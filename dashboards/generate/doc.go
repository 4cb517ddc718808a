// Command generate writes the dashboards' JSON into the folder that it is
// started in. It refuses to own what is in them (package dashboards).
package main
