// Package catalogschema owns what is published about catalogs: the JSON
// Schema of one catalog file and the example catalogs.
//
// It refuses to own their meaning: package catalog reads and judges catalogs,
// and a test there holds that the two agree.
package catalogschema
