"""The engine: from a folder of submissions to grades, judged outside the students' processes."""
