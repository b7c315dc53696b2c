package engine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// findBinary looks where `make tools` installs the temporal command, then on PATH.
func findBinary(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("%w: %q: give another path, or set TEMPORAL_ADDRESS", ErrNoBinary, named)
		}
		return filepath.Abs(path)
	}
	for _, dir := range binaryDirs() {
		path := filepath.Join(dir, "temporal")
		if runnable(path) {
			return path, nil
		}
	}
	path, err := exec.LookPath("temporal")
	if err != nil {
		return "", fmt.Errorf("%w in bin/ or on PATH: run make tools, or set TEMPORAL_ADDRESS", ErrNoBinary)
	}
	return filepath.Abs(path)
}

func binaryDirs() []string {
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(exe); err == nil {
			exe = target
		}
		dir := filepath.Dir(exe)
		dirs = append(dirs, dir, filepath.Join(dir, "bin"), filepath.Join(filepath.Dir(dir), "bin"))
	}
	if cwd, err := os.Getwd(); err == nil {
		dirs = append(dirs, filepath.Join(cwd, "bin"))
		if root := moduleRoot(cwd); root != "" {
			dirs = append(dirs, filepath.Join(root, "bin"))
		}
	}
	return dirs
}

// moduleRoot finds the folder of the go.mod around dir, for tests and `go run`, whose executables live in a
// temporary folder. It is empty outside a module: a bin/ in some parent folder is then nobody we know.
func moduleRoot(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func runnable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
