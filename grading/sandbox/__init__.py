"""Warm kernels in a sandbox: other people's code, run quickly and with next to no rights.

=========================  ==========================================================================================
`policy`                   what a submission may do, and how much of it
`provisioner`              Jupyter's way in; with `launch`, `data`, `client` and `cgroups` the grader's side
`manager`, `nbgrader`      for programs that want the sandbox by name, and for stock nbgrader
`walls`, `filter`          what is put around the warm process, made by the grader
`zygote`                   the warm process; with `supervisor`, `relay`, `confine`, `kernel` and `tree` the inner side
`syscalls`, `tampering`    what the inner side asks the system for, and what it tells of a notebook that replaces things
`messages`, `outputs`      what both sides say to each other, and how much output both of them count
`probe`, `errors`          what this machine can do, and what is said where it can't
=========================  ==========================================================================================
"""
