// Command handler serves the one function that faas-cli copied into ./function.
package main

import (
	"ipcredit/function"
	"ipcredit/shared/fn"
)

func main() { fn.Main(function.Handle) }
