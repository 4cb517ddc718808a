package main

import (
	"fmt"
	"os"

	"larstrom/dashboards"
)

func main() {
	for name, d := range dashboards.All() {
		b, err := d.JSON()
		if err == nil {
			err = os.WriteFile(name, b, 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	}
}
