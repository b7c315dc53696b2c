package handlers

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/call"
	"holdfast/store"
)

func spoolRow(key string, event string) store.Webhook {
	row := store.Webhook{
		Key: key, Kind: "voice", Subject: callSubject(testCall), Params: map[string]string{"a": "b"}, ReceivedAt: time.Unix(1700000000, 5000).UTC(),
	}
	if event != "" {
		row.Event = []byte(event)
	}
	return row
}

func drained(t *testing.T, s *spool) (rows []store.Webhook) {
	t.Helper()
	_, err := s.drain(t.Context(), func(_ context.Context, row store.Webhook) error {
		rows = append(rows, row)
		return nil
	})
	require.NoError(t, err)
	return rows
}

func TestSpool(t *testing.T) {
	t.Parallel()
	first, second := spoolRow("1", `{"kind":"ReadBackDue","data":{}}`), spoolRow("2", "")

	t.Run("gives rows back in order, once", func(t *testing.T) {
		t.Parallel()
		s, err := openSpool("", quiet())
		require.NoError(t, err)
		require.False(t, s.waiting())
		require.NoError(t, s.add(first))
		require.NoError(t, s.add(second))
		require.True(t, s.waiting())
		require.Equal(t, []store.Webhook{first, second}, drained(t, s))
		require.False(t, s.waiting())
		require.Empty(t, drained(t, s))
	})
	t.Run("outlives the process, a line that a crash cut short excepted", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s, err := openSpool(dir, quiet())
		require.NoError(t, err)
		require.NoError(t, s.add(first))
		require.NoError(t, s.add(second))
		require.NoError(t, s.close())
		f, err := os.OpenFile(filepath.Join(dir, spoolFile), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(`{"Key":"3","Ki`)
		require.NoError(t, err)
		require.NoError(t, f.Close())

		s, err = openSpool(dir, quiet())
		require.NoError(t, err)
		require.NoError(t, s.add(spoolRow("4", "")))
		require.NoError(t, s.close())

		s, err = openSpool(dir, quiet())
		require.NoError(t, err)
		require.Equal(t, []store.Webhook{first, second, spoolRow("4", "")}, drained(t, s))
		require.NoError(t, s.close())
		info, err := os.Stat(filepath.Join(dir, spoolFile))
		require.NoError(t, err)
		require.Zero(t, info.Size())
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})
	t.Run("keeps what is not taken", func(t *testing.T) {
		t.Parallel()
		s, err := openSpool(t.TempDir(), quiet())
		require.NoError(t, err)
		require.NoError(t, s.add(first))
		require.NoError(t, s.add(second))
		taken, err := s.drain(t.Context(), func(_ context.Context, row store.Webhook) error {
			if row.Key == "2" {
				return errDown
			}
			return nil
		})
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 1, taken)
		require.Equal(t, []store.Webhook{second}, drained(t, s))
		require.NoError(t, s.close())
	})
	t.Run("has an end", func(t *testing.T) {
		t.Parallel()
		s, err := openSpool("", quiet())
		require.NoError(t, err)
		for range spoolLimit {
			require.NoError(t, s.add(second))
		}
		require.ErrorIs(t, s.add(second), errSpoolFull)
	})
	t.Run("says where it cannot live", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err := openSpool(file, quiet())
		require.ErrorContains(t, err, "spool")
	})
}

func TestWhileTheInboxCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t)
	b.store.down.Store(true)

	require.NotNil(t, spokenIn(t, b.post(PathVoice, "1", voiceForm()).Body.Bytes()).Enqueue, "callers are still put into the queue")
	require.Contains(t, b.post(PathAssignment, "2", assignmentForm(wholeAttributes())).Body.String(), `"instruction":"conference"`)
	status := b.post(PathCallStatus, "3", voiceForm())
	require.Equal(t, http.StatusServiceUnavailable, status.Code, "status callbacks are sent again")
	require.Equal(t, "1", status.Header().Get("Retry-After"))
	require.Equal(t, http.StatusServiceUnavailable, b.post(PathEvents, "4", eventForm("task.created", "TaskSid", testTask, "TaskAttributes", wholeAttributes())).Code)
	require.Equal(t, http.StatusServiceUnavailable, b.post(PathConference+"?call="+testCall, "5", joinForm()).Code)
	require.Equal(t, int64(2), b.counted(t, "holdfast_webhooks_spooled"))
	require.Equal(t, int64(3), b.counted(t, "holdfast_webhooks_received", "outcome", "unavailable"))
	require.Empty(t, b.inbox(t, testCall))

	b.store.down.Store(false)
	form := voiceForm()
	form.Set("QueueResult", "redirected")
	require.Equal(t, http.StatusOK, b.post(PathEnqueueAction+"?call="+testCall, "6", form).Code)
	require.Empty(t, b.inbox(t, testCall), "it queues behind what came before it")
	received := make(chan struct{}, 3)
	defer b.store.OnReceive(func(store.Subject) { received <- struct{}{} })()
	b.run(t)
	for range 3 {
		<-received
	}
	events := b.inbox(t, testCall)
	require.Len(t, events, 3)
	require.IsType(t, call.CallReceived{}, events[0])
	require.IsType(t, call.AssignmentRequested{}, events[1])
	require.IsType(t, call.EnqueueEnded{}, events[2])
}

func TestAStoreThatHangsDoesNotKeepTwilioWaiting(t *testing.T) {
	t.Parallel()
	b := setupWebhooks(t, func(cfg *WebhookConfig) { cfg.WriteWithin = 10 * time.Millisecond })
	stuck := make(chan struct{})
	b.store.stuck.Store(&stuck)
	require.Contains(t, b.post(PathAssignment, "1", assignmentForm(wholeAttributes())).Body.String(), `"instruction":"conference"`)
	require.Equal(t, http.StatusServiceUnavailable, b.post(PathConference+"?call="+testCall, "2", joinForm()).Code)
	require.Equal(t, int64(1), b.counted(t, "holdfast_webhooks_spooled"))

	received := make(chan struct{}, 2)
	defer b.store.OnReceive(func(store.Subject) { received <- struct{}{} })()
	b.store.stuck.Store(nil)
	close(stuck)
	b.run(t)
	<-received
}
