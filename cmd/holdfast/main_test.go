package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"holdfast/cmd/holdfast/reaper"
)

// actAsHoldfast makes this test's executable the command itself, for tests that run Holdfast in a process of its own.
const actAsHoldfast = "ACT_AS_HOLDFAST"

func TestMain(m *testing.M) {
	if reaper.Serve() {
		return
	}
	if os.Getenv(actAsHoldfast) != "" {
		main()
		return
	}
	if err := reaper.Start(); err != nil {
		panic(err)
	}
	if err := os.Setenv(actAsHoldfast, "1"); err != nil { // for the processes that we start
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
