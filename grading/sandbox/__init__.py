"""Warm kernels in a sandbox: other people's code, run quickly and with next to no rights.

=================  ====================================================================================
`policy`           what a submission may do, and how much of it
`provisioner`      Jupyter's way in; with `launch`, `data`, `client` and `cgroups` the grader's side
`walls`, `filter`  what is put around the warm process, made by the grader
`zygote`           the warm process; with `supervisor`, `confine`, `kernel` and `tree` the inner side
`messages`         what both sides say to each other
=================  ====================================================================================
"""
