// Package activities holds the side effects of a call: requests to Twilio's REST API, which only this package makes, and writes to the
// read model.
//
// There is one activity for each command of package call, under the command's name. A request that Twilio took returns nil: the effect
// itself is told by Twilio's own event, or by [Activities.ReadBack]. What is already so counts as done, so each activity may run again.
//
// Errors are Temporal application errors whose type is a [call.FailureKind] and whose detail is the [call.Failure]. "gone" and "refused"
// are final. "unavailable" is tried again, after Twilio's Retry-After where it gave one, until the workflow's patience ends.
//
// [Activities.Project] is a local activity: one short transaction on our own store.
package activities
