package engine

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/proto"
)

// ErrUndecodable means that a payload was encrypted with a key that is not configured, or is not what was encrypted.
var ErrUndecodable = errors.New("payload cannot be decrypted")

// What an encrypted payload says about itself, in the clear.
const (
	metadataEncoding = "encoding"
	metadataKeyID    = "encryption-key-id"
	metadataCipher   = "encryption-cipher"

	encodingEncrypted = "binary/encrypted"
	cipherName        = "AES-256-GCM"
)

// Codec encrypts what Holdfast gives the engine to keep (arguments, results, signals, the text of failures), so that
// neither the engine's database nor its histories tell who called whom. It is a converter.PayloadCodec.
//
// The first of its keys encrypts, all of them decrypt. Each payload carries the ID of its key, which is bound to the
// ciphertext. What was never encrypted is passed through, so that calls from before there was a codec go on.
//
// The nonces are random, and NIST SP 800-38D allows 2³² of them a key: some hundred million calls. Rotate before.
type Codec struct {
	newest string
	keys   map[string]cipher.AEAD
	ids    []string // as configured, for errors
}

// NewCodec makes a codec. The newest key comes first. An error names every key that is wrong, and never shows one.
func NewCodec(keys []PayloadKey) (*Codec, error) {
	if len(keys) == 0 {
		return nil, errors.New("engine: no payload keys")
	}
	c := &Codec{newest: keys[0].ID, keys: make(map[string]cipher.AEAD, len(keys))}
	var wrong []error
	for i, k := range keys {
		secret, err := k.check(i)
		if err == nil && c.keys[k.ID] != nil {
			err = fmt.Errorf("payload key %q: another key has this ID", k.ID)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return nil, fmt.Errorf("engine: payload key %q: %w", k.ID, err)
		}
		if c.keys[k.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("engine: payload key %q: %w", k.ID, err)
		}
		c.ids = append(c.ids, k.ID)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return c, nil
}

// Encode encrypts each payload with the newest key.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	aead := c.keys[c.newest]
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("engine: payload: %w", err)
		}
		encoded[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				metadataEncoding: []byte(encodingEncrypted), metadataCipher: []byte(cipherName), metadataKeyID: []byte(c.newest),
			},
			Data: aead.Seal(nil, nil, plain, bound(c.newest)), //nolint:gosec // G407: the nonce is not nil but drawn by aead
		}
	}
	return encoded, nil
}

// Decode decrypts each payload with the key that it names. Errors are ErrUndecodable.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[metadataEncoding]) != encodingEncrypted {
			decoded[i] = p
			continue
		}
		plain, err := c.decrypt(p)
		if err != nil {
			return nil, err
		}
		decoded[i] = plain
	}
	return decoded, nil
}

func (c *Codec) decrypt(p *commonpb.Payload) (*commonpb.Payload, error) {
	id := string(p.GetMetadata()[metadataKeyID])
	if used := string(p.GetMetadata()[metadataCipher]); used != cipherName {
		return nil, fmt.Errorf("engine: %w: its cipher is %q, and we know %s", ErrUndecodable, used, cipherName)
	}
	aead := c.keys[id]
	if aead == nil {
		return nil, fmt.Errorf("engine: %w: its key %q is not configured (configured: %s)",
			ErrUndecodable, id, strings.Join(slices.Sorted(slices.Values(c.ids)), ", "))
	}
	plain, err := aead.Open(nil, nil, p.GetData(), bound(id))
	if err != nil {
		return nil, fmt.Errorf("engine: %w: it is damaged, or key %q is another than the one of that name that encrypted it", ErrUndecodable, id)
	}
	var payload commonpb.Payload
	if err := proto.Unmarshal(plain, &payload); err != nil {
		return nil, fmt.Errorf("engine: %w: %w", ErrUndecodable, err)
	}
	return &payload, nil
}

// bound is what is authenticated beside the payload: nobody can relabel one.
func bound(id string) []byte { return []byte(cipherName + "|" + id) }
