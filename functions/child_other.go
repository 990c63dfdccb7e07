//go:build !linux

package main

import "syscall"

// apart changes nothing where the system has no way to tie a child's life to
// ours: after a kill -9 the operator ends the servers by hand.
func apart() *syscall.SysProcAttr { return nil }
