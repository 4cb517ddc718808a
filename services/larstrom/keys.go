package main

import (
	"crypto/rand"
	"fmt"

	"larstrom/pipeline/intake/pseudonym"
)

// envKeyFile names the key file to every command that works on a data folder.
const envKeyFile = "LARSTROM_KEY_FILE"

// keyFlag is the key file of a process that takes files.
type keyFlag struct {
	KeyFile string `name:"key-file" env:"LARSTROM_KEY_FILE" placeholder:"FILE" help:"File with the keys of pseudonyms and raw files, mode 0600 (default: one that is made in the data folder)."`
}

// usable refuses a key file before anything is made or started.
func (k *keyFlag) usable() error {
	if k.KeyFile == "" {
		return nil
	}
	return pseudonym.Check(k.KeyFile)
}

type keysCmd struct {
	Region string `required:"" placeholder:"CODE" help:"The region's code in the catalog."`
	File   string `arg:"" name:"FILE" help:"The file to make; one that is there is never overwritten."`
}

func (k *keysCmd) Run(c *console) error {
	if err := pseudonym.Create(k.File, k.Region, rand.Reader); err != nil {
		return err
	}
	keys, err := pseudonym.Load(k.File, k.Region)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s: keys %s of region %s; keep a copy in a safe place, apart from the data\n", k.File, keys.ID(), k.Region)
	return err
}
