// The playhead. It lives outside React's state, so that sixty ticks a second draw again only what shows the time.

import { useSyncExternalStore } from "react";

export class Clock {
  time = 0; // seconds
  playing = false;
  private version = 0;
  private readonly watchers = new Set<() => void>();

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  };

  state = (): number => this.version;

  seek(seconds: number, end: number): void {
    this.tell({ time: Math.min(Math.max(seconds, 0), end) });
  }

  /** Go on from here, or from the start where the end is reached. */
  play(end: number): void {
    if (end > 0) this.tell({ playing: true, time: this.time >= end - 1e-3 ? 0 : this.time });
  }

  pause(): void {
    this.tell({ playing: false });
  }

  /** Time goes on; at the end it stops. */
  advance(seconds: number, end: number): void {
    const time = this.time + seconds;
    this.tell(time >= end ? { time: end, playing: false } : { time });
  }

  private tell(change: { time?: number; playing?: boolean }): void {
    Object.assign(this, change);
    this.version++;
    for (const watcher of this.watchers) watcher();
  }
}

export function useClock(clock: Clock): { time: number; playing: boolean } {
  useSyncExternalStore(clock.watch, clock.state);
  return { time: clock.time, playing: clock.playing };
}
