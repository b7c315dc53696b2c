package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"holdfast/cmd/holdfast/reaper"
)

// helperDir makes this test binary a Holdfast of its own, which a test may kill.
const helperDir = "HOLDFAST_TEST_ENGINE_DIR"

func TestMain(m *testing.M) {
	if reaper.Serve() {
		return
	}
	if dir := os.Getenv(helperDir); dir != "" {
		holdEngine(dir)
		return
	}
	if err := reaper.Start(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// holdEngine starts an engine, says so, and waits to be killed.
func holdEngine(dir string) {
	_, err := Start(context.Background(), Config{DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("up")
	select {}
}
