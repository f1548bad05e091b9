// Pause does nothing until it is told to end. A pod's network lives as long as its pause container; on the tests' node it
// is also the first process, whom all orphans fall to, and buries them.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			buried, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if buried <= 0 || err != nil {
				break
			}
		}
	}
}
