package main

import "syscall"

// apart puts a child in a group of its own and lets the kernel end it when this
// program is killed, so that no server is left behind holding the data.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
