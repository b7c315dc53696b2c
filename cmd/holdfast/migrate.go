package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

type migrateCmd struct {
	DataDir     string `default:"data" env:"HOLDFAST_DATA_DIR" placeholder:"DIR" help:"Folder of the SQLite database."`
	DatabaseURL string `env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL database, instead."`
}

// Run migrates and says where the schema is now.
func (c migrateCmd) Run(ctx context.Context) error {
	if c.DatabaseURL == "" {
		if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
	}
	s, err := openStore(ctx, c.DatabaseURL, c.DataDir)
	if err != nil {
		return err
	}
	v, err := s.Version(ctx)
	if err == nil {
		fmt.Printf("The schema is at version %d.\n", v)
	}
	return errors.Join(err, s.Close())
}
