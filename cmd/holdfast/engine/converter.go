package engine

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// Encrypted are options of a client whose payloads, and the messages and stacks of whose failures, go through a codec.
// Names and IDs of workflows, signals, updates and activities stay readable: the engine finds them by these.
func Encrypted(options client.Options, codec converter.PayloadCodec) client.Options {
	options.DataConverter = &dataConverter{DataConverter: converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), codec)}
	options.FailureConverter = temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: options.DataConverter, EncodeCommonAttributes: true,
	})
	return options
}

// dataConverter keeps a key that is missing from costing calls. The SDK fails a workflow whose input gives an error, and drops a
// signal that does. A panic in a workflow only fails the task, which the engine tries again: the call waits for the key.
type dataConverter struct {
	converter.DataConverter
	inWorkflow bool
}

// WithWorkflowContext implements converter.ContextAware.
func (d *dataConverter) WithWorkflowContext(converter.WorkflowContext) converter.DataConverter {
	return &dataConverter{DataConverter: d.DataConverter, inWorkflow: true}
}

// WithContext implements converter.ContextAware.
func (d *dataConverter) WithContext(context.Context) converter.DataConverter { return d }

func (d *dataConverter) FromPayload(payload *commonpb.Payload, value any) error {
	return d.judged(d.DataConverter.FromPayload(payload, value))
}

func (d *dataConverter) FromPayloads(payloads *commonpb.Payloads, values ...any) error {
	return d.judged(d.DataConverter.FromPayloads(payloads, values...))
}

func (d *dataConverter) judged(err error) error {
	if d.inWorkflow && errors.Is(err, ErrUndecodable) {
		panic(err)
	}
	return err
}
