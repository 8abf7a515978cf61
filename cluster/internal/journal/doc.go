// Package journal decides which log lines are written: of each kind, which is its message, and of each node one a
// second. A node that fails every request, or a flood of damaged copies, must not fill a disk, and must not hide what
// other nodes have to say.
package journal
