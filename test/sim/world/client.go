package world

import "time"

// This file decides when a client runs: its process may stand still, and its machine may be
// short of processors. What it waits for happens all the same.

// Still stops a client as SIGSTOP does: nothing that it does with a connection, and no Wait,
// goes on before GoOn. What is on its way arrives, and waits in the buffers of its sockets;
// deadlines pass.
func (w *World) Still(client string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.still[client] == nil {
		w.still[client] = make(chan struct{})
	}
}

// GoOn ends what Still began.
func (w *World) GoOn(client string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if goesOn := w.still[client]; goesOn != nil {
		close(goesOn)
		delete(w.still, client)
	}
}

// Starve has each of the client's goroutines wake up to so much later, whenever it has waited
// for a connection. Zero ends that.
func (w *World) Starve(client string, most time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starved[client] = most
}

// Wait returns when the client runs, for what it does beside its connections. It reports
// whether the client did not run when it was called.
func (w *World) Wait(client string) (late bool) {
	for {
		w.mu.Lock()
		goesOn := w.still[client]
		w.mu.Unlock()
		if goesOn == nil {
			return late
		}
		<-goesOn
		late = true
	}
}

// wake returns when the client runs and its scheduler has come to whoever waited for b: its
// goroutines go on one after the other. It reports whether that was later than at once.
func (l *Link) wake(b []byte) (late bool) {
	late = l.world.Wait(l.client)
	for still := late; still; still = l.world.Wait(l.client) {
		time.Sleep(1 + time.Duration(l.dice(b, 5)%uint64(100*time.Microsecond)))
	}
	l.world.mu.Lock()
	most := l.world.starved[l.client]
	l.world.mu.Unlock()
	if most > 0 {
		time.Sleep(1 + l.upTo(b, most))
		late = true
	}
	return late
}
