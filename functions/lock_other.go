//go:build !unix

package main

import "os"

// lockFile does nothing where there is no advisory lock: two programs on one
// data directory are the operator's to avoid.
func lockFile(string) (*os.File, error) { return nil, nil }
