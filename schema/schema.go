package schema

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// OpenAPI is the contract of the HTTP API, as YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Migrations are goose's SQL files, at the root of the file system. They run on SQLite and on PostgreSQL alike.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		// The folder is embedded above, so its name cannot be wrong at run time.
		panic("schema: " + err.Error())
	}
	return sub
}
