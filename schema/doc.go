// Package schema holds what others must agree with: the database's migrations and the HTTP API's contract.
//
// Both are embedded, so that one binary carries everything that it needs. Migrations only ever come after the last one; the contract is
// changed before the code that package handlers generates from it.
package schema
