// The scenarios, in the order of a day at a contact centre. Each is a subtest of node_test.go.
import assert from "node:assert/strict";
import twilio from "twilio";
import { account, answer, at, client, clientOf, finish, hook, refusal, scenario, webhooks } from "./world.mjs";

const ourNumber = "+15005550006";
const nothing = "0".repeat(32);
const made = {}; // what one scenario leaves to the next
const workspace = () => client.taskrouter.v1.workspaces(made.workspace);
const json = (value) => JSON.stringify(value);
const twiml = (response) => answer("/voice", "text/xml", response.toString());
const refusedWith = async (request, status, code) => {
  const e = await refusal(request);
  assert.equal(e.status, status);
  assert.equal(e.code, code);
  assert.equal(e.moreInfo, `https://www.twilio.com/docs/errors/${code}`);
};

await scenario("a workspace has its activities and its channels", async () => {
  const w = await client.taskrouter.v1.workspaces.create({
    friendlyName: "Centre", multiTaskEnabled: true, template: "NONE", eventCallbackUrl: at("/events?from=router#rc=2&rp=all"),
  });
  made.workspace = w.sid;
  assert.match(w.sid, /^WS[0-9a-f]{32}$/);
  assert.equal(w.multiTaskEnabled, true);
  assert.ok(w.dateCreated instanceof Date && !Number.isNaN(w.dateCreated.getTime()));
  const lunch = await workspace().activities.create({ friendlyName: "Lunch", available: false });
  assert.equal((await workspace().activities(lunch.sid).update({ friendlyName: "Dinner" })).friendlyName, "Dinner");
  const activities = await workspace().activities.list();
  made.available = activities.find((a) => a.available).sid;
  made.away = activities.find((a) => a.friendlyName === "Offline").sid;
  assert.equal(await workspace().activities(lunch.sid).remove(), true);
  const channels = (await workspace().taskChannels.list()).map((c) => c.uniqueName).sort();
  for (const name of ["default", "voice", "chat", "sms"]) assert.ok(channels.includes(name), name);
  assert.equal((await workspace().fetch()).friendlyName, "Centre");
});

await scenario("agents are made, listed, moved and given capacity", async () => {
  for (const name of ["ann", "bea", "cat"]) {
    const a = await workspace().workers.create({
      friendlyName: name, activitySid: made.away, attributes: json({ contact_uri: `client:${name}`, level: name.charCodeAt(0) - 96, skills: ["voice"] }),
    });
    made[name] = a.sid;
  }
  const high = await workspace().workers.list({ targetWorkersExpression: "level > 1 AND skills HAS 'voice'" });
  assert.deepEqual(high.map((a) => a.friendlyName).sort(), ["bea", "cat"]);
  assert.equal((await workspace().workers(made.cat).update({ attributes: json({ contact_uri: "client:cat" }) })).available, false);
  assert.equal(await workspace().workers(made.cat).remove(), true);
  await refusedWith(workspace().workers(made.cat).fetch(), 404, 20404);
  const channel = await workspace().workers(made.ann).workerChannels("voice").update({ capacity: 2, available: true });
  assert.equal(channel.configuredCapacity, 2);
  assert.equal((await workspace().workers(made.ann).workerChannels.list()).find((c) => c.taskChannelUniqueName === "voice").configuredCapacity, 2);
});

await scenario("queues and routing workflows", async () => {
  const queue = await workspace().taskQueues.create({ friendlyName: "Everybody", targetWorkers: "1==1", maxReservedWorkers: 1, taskOrder: "FIFO" });
  made.queue = queue.sid;
  const workflow = await workspace().workflows.create({
    friendlyName: "Inbound", assignmentCallbackUrl: at("/assign#rc=5&rp=all"), taskReservationTimeout: 86400,
    configuration: json({ task_routing: {
      filters: [{ filter_friendly_name: "ann's", expression: "agent != null", targets: [{ queue: queue.sid, known_worker_friendly_name: "task.agent" }] }],
      default_filter: { queue: queue.sid },
    } }),
  });
  made.workflow = workflow.sid;
  assert.equal((await workspace().taskQueues(queue.sid).update({ maxReservedWorkers: 2 })).maxReservedWorkers, 2);
  await workspace().taskQueues(queue.sid).update({ maxReservedWorkers: 1 });
  await refusedWith(workspace().taskQueues.create({ friendlyName: "Bad", targetWorkers: "a-b == 1" }), 400, 20001);
  await refusedWith(workspace().workflows.create({ friendlyName: "Bad", configuration: "{}" }), 400, 20001);
  assert.equal((await workspace().workflows.list()).length, 1);
});

await scenario("lists are paged through", async () => {
  const names = [];
  for (let i = 0; i < 7; i++) {
    const task = await workspace().tasks.create({ workflowSid: made.workflow, taskChannel: "chat", attributes: json({ n: i }), timeout: 86400 });
    names.push(task.sid);
  }
  const all = await workspace().tasks.list({ pageSize: 3, ordering: "DateCreated:asc" });
  assert.deepEqual(all.map((t) => t.sid).sort(), [...names].sort());
  assert.equal((await workspace().tasks.list({ pageSize: 2, limit: 5 })).length, 5);
  const first = await workspace().tasks.page({ pageSize: 4 });
  assert.equal(first.instances.length, 4);
  const second = await first.nextPage();
  assert.equal(second.instances.length, 3);
  assert.equal((await second.previousPage()).instances.length, 4);
  const some = await workspace().tasks.list({ evaluateTaskAttributes: "n >= 5", assignmentStatus: ["pending", "reserved"] });
  assert.equal(some.length, 2);
  for (const sid of names) assert.equal(await workspace().tasks(sid).remove(), true);

  for (const suffix of ["7", "8", "9"]) await client.incomingPhoneNumbers.create({ phoneNumber: `+1500555001${suffix}` });
  const numbers = await client.incomingPhoneNumbers.list({ pageSize: 2 });
  assert.equal(numbers.length, 3);
  for (const n of numbers) assert.equal(await client.incomingPhoneNumbers(n.sid).remove(), true);
});

await scenario("tasks change, with versions, and end", async () => {
  const create = () => workspace().tasks.create({ workflowSid: made.workflow, taskChannel: "chat", priority: 3, attributes: json({ a: 1 }) });
  const task = await create();
  assert.equal(task.assignmentStatus, "pending");
  assert.equal(task.priority, 3);
  const { headers } = await workspace().tasks(task.sid).fetchWithHttpInfo();
  const version = headers.etag;
  const changed = await workspace().tasks(task.sid).update({ ifMatch: version, attributes: json({ b: 2 }) });
  assert.deepEqual(JSON.parse(changed.attributes), { b: 2 });
  assert.equal((await refusal(workspace().tasks(task.sid).update({ ifMatch: version, attributes: "{}" }))).status, 412);
  await refusedWith(workspace().tasks(task.sid).update({ assignmentStatus: "completed", reason: "early" }), 400, 20001);
  await refusedWith(workspace().tasks(task.sid).update({ assignmentStatus: "canceled" }), 400, 20001);
  const canceled = await workspace().tasks(task.sid).update({ assignmentStatus: "canceled", reason: "enough" });
  assert.equal(canceled.assignmentStatus, "canceled");
  assert.equal(canceled.reason, "enough");
  await refusedWith(workspace().tasks(`WT${nothing}`).fetch(), 404, 20404);
  await refusedWith(workspace().tasks.create({ workflowSid: made.workflow, attributes: "{" }), 400, 20001);
});

await scenario("reservations are accepted and rejected", async () => {
  answer("/assign", "application/json", "{}");
  const task = await workspace().tasks.create({ workflowSid: made.workflow, taskChannel: "default", attributes: json({ name: "Zoë & 渋谷", empty: "" }) });
  await workspace().workers(made.ann).update({ activitySid: made.available });
  const asked = await hook("/assign", { TaskSid: task.sid });
  assert.equal(asked.params.WorkerSid, made.ann);
  const of = (sid) => workspace().tasks(task.sid).reservations(sid);
  assert.equal((await of(asked.params.ReservationSid).fetch()).reservationStatus, "pending");
  await workspace().workers(made.bea).update({ activitySid: made.available });
  assert.equal((await of(asked.params.ReservationSid).update({ reservationStatus: "rejected", workerActivitySid: made.away })).reservationStatus, "rejected");
  await hook("/events", { EventType: "reservation.rejected", TaskSid: task.sid });
  assert.equal((await workspace().workers(made.ann).fetch()).activityName, "Offline");
  const next = await hook("/assign", { TaskSid: task.sid, WorkerSid: made.bea });
  assert.equal((await of(next.params.ReservationSid).update({ reservationStatus: "accepted" })).reservationStatus, "accepted");
  await refusedWith(of(next.params.ReservationSid).update({ instruction: "conference" }), 400, 40136);
  assert.equal((await workspace().tasks(task.sid).fetch()).assignmentStatus, "assigned");
  await refusedWith(workspace().tasks(task.sid).update({ assignmentStatus: "canceled", reason: "x" }), 400, 20001);
  const done = await workspace().workers(made.bea).reservations(next.params.ReservationSid).update({ reservationStatus: "completed" });
  assert.equal(done.reservationStatus, "completed");
  assert.equal((await workspace().tasks(task.sid).reservations.list()).length, 2);
  await workspace().workers(made.bea).update({ activitySid: made.away });
});

await scenario("a number is bought and its call comes to an agent by the conference instruction", async () => {
  const number = await client.incomingPhoneNumbers.create({
    phoneNumber: ourNumber, voiceUrl: at("/voice?line=main%20one"), statusCallback: at("/status"), friendlyName: "Main",
  });
  made.number = number.sid;
  assert.equal((await client.incomingPhoneNumbers.list({ phoneNumber: ourNumber }))[0].friendlyName, "Main");
  assert.equal((await client.incomingPhoneNumbers(number.sid).update({ friendlyName: "Main line" })).friendlyName, "Main line");

  const response = new twilio.twiml.VoiceResponse();
  response.enqueue({ workflowSid: made.workflow, waitUrl: at("/wait") }).task({ priority: 7, timeout: 600 }, json({ agent: "ann", "ключ": "Ünïcödé +&=" }));
  twiml(response);
  const music = new twilio.twiml.VoiceResponse();
  music.play("http://example.com/music.mp3");
  answer("/wait", "text/xml", music.toString());
  await workspace().workers(made.ann).update({ activitySid: made.available });
  const call = await client.calls.create({ to: "client:customer", from: ourNumber, url: at("/voice"), timeout: 600, statusCallback: at("/leg"), statusCallbackEvent: ["initiated", "ringing", "answered", "completed"] });
  made.customer = call.sid;
  assert.equal(call.status, "queued");
  const asked = await hook("/assign", { WorkerSid: made.ann, TaskPriority: "7" });
  made.task = asked.params.TaskSid;
  assert.equal(JSON.parse(asked.params.TaskAttributes)["ключ"], "Ünïcödé +&=");
  assert.equal(JSON.parse(asked.params.TaskAttributes).call_sid, call.sid);
  const instructed = await workspace().tasks(made.task).reservations(asked.params.ReservationSid).update({
    instruction: "conference", from: ourNumber, timeout: 600, endConferenceOnExit: false, endConferenceOnCustomerExit: true,
    conferenceStatusCallback: at("/conference?call=1"), conferenceStatusCallbackMethod: "POST",
    conferenceStatusCallbackEvent: ["start", "end", "join", "leave", "mute", "hold"],
  });
  assert.equal(instructed.reservationStatus, "pending", "the answer still says pending");
  const accepted = await hook("/events", { EventType: "reservation.accepted", TaskSid: made.task });
  const conference = JSON.parse((await workspace().tasks(made.task).fetch()).attributes).conference;
  assert.equal(conference.room_name, made.task);
  assert.equal(conference.participants.customer, call.sid);
  made.conference = conference.sid;
  made.agent = conference.participants.worker;
  assert.equal(accepted.params.TaskAssignmentStatus, "assigned");
});

await scenario("calls are found, and refused what their state does not allow", async () => {
  assert.equal((await client.calls(made.customer).fetch()).status, "in-progress");
  const found = await client.calls.list({ status: "in-progress", to: "client:customer" });
  assert.deepEqual(found.map((c) => c.sid), [made.customer]);
  assert.ok(found[0].startTime instanceof Date && !Number.isNaN(found[0].startTime.getTime()));
  await refusedWith(client.calls(`CA${nothing}`).fetch(), 404, 20404);
  await refusedWith(client.calls(made.customer).update({ status: "ringing" }), 400, 20001);
  const short = await client.calls.create({ to: "client:guest", from: ourNumber, timeout: 600, twiml: "<Response><Say>Hello</Say></Response>", statusCallback: at("/guest"), statusCallbackMethod: "GET" });
  const ended = await hook("/guest", { CallSid: short.sid, CallStatus: "completed" });
  assert.equal(ended.method, "GET");
  await refusedWith(client.calls(short.sid).update({ twiml: "<Response/>" }), 400, 21220);
});

await scenario("conferences and participants are held, muted, added, coached, removed and ended", async () => {
  const [room] = await client.conferences.list({ friendlyName: made.task, status: "in-progress" });
  assert.equal(room.sid, made.conference);
  const participants = client.conferences(room.sid).participants;
  assert.deepEqual((await participants.list()).map((p) => p.callSid).sort(), [made.agent, made.customer].sort());
  const held = await client.conferences(room.sid).participants(made.customer).update({ hold: true, holdUrl: at("/wait"), holdMethod: "GET" });
  assert.equal(held.hold, true);
  await hook("/conference", { StatusCallbackEvent: "participant-hold", CallSid: made.customer, Hold: "true" });
  assert.equal((await participants.list({ hold: true })).length, 1);
  assert.equal((await client.conferences(room.sid).participants(made.customer).update({ hold: false })).hold, false);
  await hook("/conference", { StatusCallbackEvent: "participant-unhold", CallSid: made.customer });
  assert.equal((await client.conferences(room.sid).participants(made.agent).update({ muted: true })).muted, true);
  await hook("/conference", { StatusCallbackEvent: "participant-mute", CallSid: made.agent, Muted: "true" });
  await client.conferences(room.sid).participants(made.agent).update({ muted: false });

  const guest = await participants.create({ to: "client:guest", from: ourNumber, label: "guest", timeout: 600, earlyMedia: true, endConferenceOnExit: false });
  assert.equal(guest.label, "guest");
  await hook("/conference", { StatusCallbackEvent: "participant-join", CallSid: guest.callSid, ParticipantLabel: "guest" });
  await refusedWith(participants.create({ to: "client:guest", from: ourNumber, label: "guest" }), 400, 16025);
  assert.equal((await client.conferences(room.sid).participants("guest").update({ coaching: true, callSidToCoach: made.agent })).coaching, true);
  assert.equal(await client.conferences(room.sid).participants("guest").remove(), true);
  const left = await hook("/conference", { StatusCallbackEvent: "participant-leave", CallSid: guest.callSid });
  assert.equal(left.params.ReasonParticipantLeft, "participant_updated_via_api");
  await refusedWith(client.conferences(room.sid).participants("guest").fetch(), 404, 20404);

  assert.equal((await client.conferences(room.sid).update({ status: "completed" })).status, "completed");
  const end = await hook("/conference", { StatusCallbackEvent: "conference-end" });
  assert.equal(end.params.ReasonConferenceEnded, "conference-ended-via-api");
  assert.equal((await client.conferences(room.sid).fetch()).reasonConferenceEnded, "conference-ended-via-api");
  await refusedWith(client.conferences(`CF${nothing}`).fetch(), 404, 20404);
});

await scenario("the wrap-up is ended by the task, and once", async () => {
  await hook("/events", { EventType: "task.wrapup", TaskSid: made.task });
  assert.equal((await workspace().tasks(made.task).fetch()).assignmentStatus, "wrapping");
  assert.equal((await workspace().tasks(made.task).update({ assignmentStatus: "completed", reason: "done" })).assignmentStatus, "completed");
  await hook("/events", { EventType: "task.completed", TaskSid: made.task });
  await refusedWith(workspace().tasks(made.task).update({ assignmentStatus: "completed", reason: "again" }), 400, 20001);
  const kinds = (await workspace().events.list({ taskSid: made.task })).map((e) => e.eventType);
  for (const kind of ["task.created", "reservation.accepted", "task.completed"]) assert.ok(kinds.includes(kind), kind);
});

await scenario("statistics are read", async () => {
  const now = await workspace().realTimeStatistics().fetch();
  assert.equal(typeof now.totalWorkers, "number");
  const queue = await workspace().taskQueues(made.queue).realTimeStatistics().fetch();
  assert.equal(queue.taskQueueSid, made.queue);
});

await scenario("who has the wrong token is refused", async () => {
  await refusedWith(clientOf(account, "wrong").calls.list(), 401, 20003);
});

await scenario("every webhook bears a signature that Twilio's validator takes, and no other", async () => {
  const kinds = new Set(webhooks.map((h) => h.path));
  for (const path of ["/voice", "/wait", "/assign", "/events", "/conference", "/leg", "/guest"]) assert.ok(kinds.has(path), `nothing came to ${path}`);
  assert.ok(webhooks.length > 40, `${webhooks.length} webhooks`);
  assert.deepEqual(webhooks.filter((h) => !h.valid).map((h) => `${h.method} ${h.url}`), []);
  assert.deepEqual(webhooks.filter((h) => !h.token).map((h) => h.url), []);
  const { url, form, signature } = webhooks.find((h) => h.path === "/assign");
  assert.ok(!url.includes("#"));
  assert.equal(twilio.validateRequest(process.env.AUTH_TOKEN, signature, `${url}?x=1`, form), false);
  assert.equal(twilio.validateRequest(process.env.AUTH_TOKEN, signature, url, { ...form, TaskPriority: "99" }), false);
  assert.equal(twilio.validateRequest("another", signature, url, form), false);
});

await finish();
