package engine

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

func newCodec(t *testing.T, keys ...PayloadKey) *Codec {
	t.Helper()
	c, err := NewCodec(keys)
	require.NoError(t, err)
	return c
}

func plainPayload(t *testing.T, value any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	require.NoError(t, err)
	return p
}

func encode(t *testing.T, c *Codec, p *commonpb.Payload) *commonpb.Payload {
	t.Helper()
	encoded, err := c.Encode([]*commonpb.Payload{p})
	require.NoError(t, err)
	require.Len(t, encoded, 1)
	return encoded[0]
}

func decode(c *Codec, p *commonpb.Payload) (*commonpb.Payload, error) {
	decoded, err := c.Decode([]*commonpb.Payload{p})
	if err != nil {
		return nil, err
	}
	return decoded[0], nil
}

func TestCodecHidesAPayloadAndGivesItBack(t *testing.T) {
	t.Parallel()
	c := newCodec(t, NewPayloadKey("a"))
	p := plainPayload(t, map[string]string{"from": "+15550001111"})
	once, twice := encode(t, c, p), encode(t, c, p)
	raw, err := proto.Marshal(once)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "15550001111")
	require.NotContains(t, string(raw), "from")
	require.Equal(t, "a", string(once.GetMetadata()[metadataKeyID]))
	require.NotEqual(t, once.GetData(), twice.GetData(), "equal payloads must not look equal")
	back, err := decode(c, once)
	require.NoError(t, err)
	require.True(t, proto.Equal(p, back))
}

func TestCodecEncryptsWithTheNewestKeyAndDecryptsWithAll(t *testing.T) {
	t.Parallel()
	older, newer := NewPayloadKey("2026-01"), NewPayloadKey("2026-02")
	p := plainPayload(t, "hello")
	before := encode(t, newCodec(t, older), p)

	rotated := newCodec(t, newer, older)
	back, err := decode(rotated, before)
	require.NoError(t, err)
	require.True(t, proto.Equal(p, back))
	after := encode(t, rotated, p)
	require.Equal(t, "2026-02", string(after.GetMetadata()[metadataKeyID]))

	_, err = decode(newCodec(t, newer), before)
	require.ErrorIs(t, err, ErrUndecodable)
	require.ErrorContains(t, err, `key "2026-01" is not configured (configured: 2026-02)`)
}

func TestCodecTakesNothingThatWasTamperedWith(t *testing.T) {
	t.Parallel()
	one, other := NewPayloadKey("one"), NewPayloadKey("other")
	c := newCodec(t, one, other)
	for name, change := range map[string]func(*commonpb.Payload){
		"a bit turned":            func(p *commonpb.Payload) { p.Data[len(p.Data)/2] ^= 1 },
		"cut off":                 func(p *commonpb.Payload) { p.Data = p.Data[:5] },
		"empty":                   func(p *commonpb.Payload) { p.Data = nil },
		"another key's label":     func(p *commonpb.Payload) { p.Metadata[metadataKeyID] = []byte("other") },
		"a cipher of another day": func(p *commonpb.Payload) { p.Metadata[metadataCipher] = []byte("ROT13") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := encode(t, c, plainPayload(t, "hello"))
			change(p)
			_, err := decode(c, p)
			require.ErrorIs(t, err, ErrUndecodable)
		})
	}
	t.Run("the same name for another key", func(t *testing.T) {
		t.Parallel()
		_, err := decode(newCodec(t, NewPayloadKey("one")), encode(t, c, plainPayload(t, "hello")))
		require.ErrorIs(t, err, ErrUndecodable)
		require.ErrorContains(t, err, `key "one"`)
	})
}

func TestCodecPassesThroughWhatWasNeverEncrypted(t *testing.T) {
	t.Parallel()
	p := plainPayload(t, "from before")
	back, err := decode(newCodec(t, NewPayloadKey("a")), p)
	require.NoError(t, err)
	require.Same(t, p, back)
}

func TestPayloadKeysThatAreWrongAreNamedAndNotShown(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))
	good := NewPayloadKey("good")
	for name, c := range map[string]struct {
		keys []PayloadKey
		says string
	}{
		"none":           {nil, "no payload keys"},
		"too short":      {[]PayloadKey{{ID: "x", Key: short}}, `payload key "x": the key has 16 bytes; AES-256 needs 32`},
		"not base64":     {[]PayloadKey{good, {ID: "y", Key: "secret!"}}, `payload key "y": the key is not base64`},
		"no ID":          {[]PayloadKey{good, {Key: short}}, "payload key number 2: its ID"},
		"blanks in ID":   {[]PayloadKey{{ID: "a b", Key: short}}, "payload key number 1: its ID"},
		"one ID for two": {[]PayloadKey{good, NewPayloadKey("good")}, `payload key "good": another key has this ID`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewCodec(c.keys)
			require.ErrorContains(t, err, c.says)
			for _, k := range c.keys {
				require.NotContains(t, err.Error(), k.Key)
			}
		})
	}
	_, err := ParsePayloadKeys("a:b," + short)
	require.ErrorContains(t, err, "payload key number 2: it must be id:base64")
	require.NotContains(t, err.Error(), short)
}

func TestPayloadKeysAreReadFromText(t *testing.T) {
	t.Parallel()
	newer, older := NewPayloadKey("newer"), NewPayloadKey("older")
	keys, err := ParsePayloadKeys(" newer:" + newer.Key + " ,\n older:" + older.Key + ",")
	require.NoError(t, err)
	require.Equal(t, []PayloadKey{newer, older}, keys)
}

func TestFailuresAreEncryptedToo(t *testing.T) {
	t.Parallel()
	codec := newCodec(t, NewPayloadKey("a"))
	options := Encrypted(client.Options{}, codec)
	was := temporal.NewApplicationErrorWithCause("no such number +15550001111", "twilio", errors.New("asked for +15550002222"), "+15550003333")
	failure := options.FailureConverter.ErrorToFailure(was)
	raw, err := proto.Marshal(failure)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "+1555000")
	require.Contains(t, string(raw), "twilio", "its type is no secret")

	back, ok := errors.AsType[*temporal.ApplicationError](options.FailureConverter.FailureToError(failure))
	require.True(t, ok)
	require.Equal(t, was.Error(), back.Error())
	var detail string
	require.NoError(t, back.Details(&detail))
	require.Equal(t, "+15550003333", detail)
	require.True(t, strings.HasPrefix(errors.Unwrap(back).Error(), "asked for"))
}

// BenchmarkCodec is what one payload of a usual size costs on its way into the engine and back.
func BenchmarkCodec(b *testing.B) {
	c, err := NewCodec([]PayloadKey{NewPayloadKey("a")})
	require.NoError(b, err)
	p := []*commonpb.Payload{{Data: []byte(strings.Repeat("x", 2048))}}
	b.ReportAllocs()
	for b.Loop() {
		encoded, err := c.Encode(p)
		if err == nil {
			_, err = c.Decode(encoded)
		}
		require.NoError(b, err)
	}
}
