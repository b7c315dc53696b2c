// Package expression is TaskRouter's expression language: the conditions of queues and routing workflows, and their order_by
// (https://www.twilio.com/docs/taskrouter/expression-syntax).
//
//	(skills HAS 'billing') AND task.language IN worker.languages
//
// Names are paths into a JSON document ("a.b", "a[0]"); what is missing is NULL. A hyphen is no part of a name. Comparisons of
// different types are false, and so is an array operator without an array at its side. There are no regular expressions.
// Operators are written in capitals, as Twilio documents them; whether Twilio takes others is unknown, so this package does not.
package expression
