"""Projects of one's own: made from this repository elsewhere (`new`), or this one without its example (`empty`).

Only this repository has it; a project that was made gets later versions by `copier update`.
"""
