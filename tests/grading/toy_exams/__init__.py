"""A package of small exams, for the tests of those who run exams. It lies beside the tests, not in the sandbox."""
