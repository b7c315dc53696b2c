package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"holdfast/simulator"
)

// keyboard is a telephone in the simulated world whose person sits at the terminal: what is typed is said, what is heard is printed.
type keyboard struct {
	sim    *simulator.Simulator
	number string
	out    io.Writer

	line  simulator.Line
	rings chan simulator.Line
}

const keyboardHelp = "Type a number to call it. On the line: words are said, digits are keyed, an empty line is a silence, a dot hangs up.\n"

var (
	dialled = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	keyed   = regexp.MustCompile(`^[0-9*#]+$`)
)

// Ring implements [simulator.Phone]. Somebody who talks is busy.
func (k *keyboard) Ring(_ context.Context, line simulator.Line) {
	select {
	case k.rings <- line:
	default:
		line.Reject()
	}
}

// run is on the phone until the input or ctx ends.
func (k *keyboard) run(ctx context.Context, in io.Reader) {
	k.rings = make(chan simulator.Line, 1)
	k.sim.Attach(k.number, k)
	defer k.sim.Attach(k.number, nil)
	typed := make(chan string)
	go func() { // ends with the input, which nobody can take from a process
		defer close(typed)
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			select {
			case typed <- strings.TrimSpace(lines.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	fmt.Fprintf(k.out, "\nYour telephone is %s. %s", k.number, keyboardHelp)
	for {
		var events <-chan simulator.LineEvent
		rings := k.rings
		if k.line != nil {
			events, rings = k.line.Events(), nil
		}
		select {
		case text, more := <-typed:
			if !more {
				k.hangUp()
				return
			}
			k.does(text) //nolint:contextcheck // a call outlives what is typed
		case line := <-rings:
			k.line = line
			fmt.Fprintf(k.out, "-- %s calls you: answer with an empty line, or reject with a dot\n", line.From())
		case e, more := <-events:
			k.notices(e, more)
		case <-ctx.Done():
			k.hangUp()
			return
		}
	}
}

func (k *keyboard) hangUp() {
	if k.line != nil {
		k.line.HangUp()
	}
}

// does what was typed.
func (k *keyboard) does(text string) {
	switch {
	case k.line == nil && dialled.MatchString(text):
		line, err := k.sim.Dial(k.number, text)
		if err != nil {
			fmt.Fprintf(k.out, "-- %v\n", err)
			return
		}
		k.line = line
	case k.line == nil:
		fmt.Fprint(k.out, keyboardHelp)
	case text == ".":
		k.line.Reject() // what rings
		k.line.HangUp() // what does not
	case text == "":
		k.line.Answer() // what rings; on the line it is a silence
	case keyed.MatchString(text):
		k.line.Press(text)
	default:
		k.line.Speak(text)
	}
}

// notices prints what happens on the line.
func (k *keyboard) notices(e simulator.LineEvent, more bool) {
	if !more {
		k.line = nil
		return
	}
	switch e.Kind {
	case simulator.LineHears:
		if strings.Contains(e.Detail, "://") {
			fmt.Fprintln(k.out, "-- music")
			return
		}
		fmt.Fprintf(k.out, "< %s\n", e.Detail)
	case simulator.LineHeard:
		if e.Cut {
			fmt.Fprintf(k.out, "-- you interrupted; of that you heard: %s\n", nameOr(e.Detail, "nothing"))
		}
	case simulator.LineAnswered:
		fmt.Fprintln(k.out, "-- connected")
	case simulator.LineQueued:
		fmt.Fprintln(k.out, "-- you wait for a person")
	case simulator.LineTogether:
		fmt.Fprintln(k.out, "-- a person is on the line")
	case simulator.LineAlone:
		fmt.Fprintln(k.out, "-- the person is gone")
	case simulator.LineHeld:
		fmt.Fprintln(k.out, "-- you are on hold")
	case simulator.LineUnheld:
		fmt.Fprintln(k.out, "-- you are off hold")
	case simulator.LineEnded:
		fmt.Fprintf(k.out, "-- the line is dead: %s\n", e.Detail)
	case simulator.LineJoined, simulator.LineLeft, simulator.LineMuted, simulator.LineUnmuted: // a caller hears nothing of it
	}
}
