// Command holdfast is call control for contact centres on Twilio: the server, a demo of it with a simulated Twilio, and tools to look at calls.
//
// It is the composition root. Every other room takes what it needs as an argument; this one reads flags, environment and file, decides who gets
// what, and starts and stops the parts in order. The command line is one type in main.go and a file for each command; app.go is a running
// Holdfast, and stage.go the simulated Twilio and its people around one.
package main
