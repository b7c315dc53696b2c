package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// HeartbeatTimeout is how long an activity may be silent before the engine gives it to another worker: so long a command that was on its
// way stands still when its process dies.
const HeartbeatTimeout = 5 * time.Second

// heartbeatEvery is far below the timeout, and above what a request to Twilio usually takes: most activities never send one.
const heartbeatEvery = time.Second

// Heartbeats lets a worker's activities say that they live, for as long as they run.
type Heartbeats struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements [interceptor.WorkerInterceptor].
func (*Heartbeats) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &beating{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type beating struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements [interceptor.ActivityInboundInterceptor].
func (b *beating) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if info := activity.GetInfo(ctx); info.IsLocalActivity || info.HeartbeatTimeout == 0 {
		return b.Next.ExecuteActivity(ctx, in)
	}
	over := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		every := time.NewTicker(heartbeatEvery)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				activity.RecordHeartbeat(ctx)
			case <-over:
				return
			}
		}
	}()
	defer func() {
		close(over)
		<-stopped
	}()
	return b.Next.ExecuteActivity(ctx, in)
}
