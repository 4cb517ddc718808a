// Package queue owns what a person is asked to do first: which of the open
// flags that she may decide are her tasks, and which are folded away because
// nobody can give more of them the time that they deserve.
//
// It also knows which indicator versions have data and no signed introduction
// protocol: they are tasks of those who sign.
//
// It refuses to own what a decision does and who may take it (package gate),
// who is written to and when (package notice), and how a queue is drawn. It is
// pure. What is folded is named, and can be opened and decided like any other.
//
// # The budget
//
// A super-user gets at most five new tasks an ISO week, a steward at most twenty
// a day. Of what has been opened up to the end of a week or day and was no task
// before, those come first that BLOCK and then those with the largest expected
// impact; the rest waits in one incident for the next. Flags with one likely
// cause are one task. Since the choice of a week depends only on what had been
// opened by then, a task stays one until it is done.
//
// Impact chooses, it does not list: tasks are listed by severity and name, never
// by size, for a list by size would rank units.
package queue
