"""The hidden tests of this course, a module a part."""
