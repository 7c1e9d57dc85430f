"""Plan, apply, wait, prune: one file per verb, over the ``Api`` protocol.

The order of calls, as the driver makes them:

    api = connect(kubeconfig, context, timeout=300)              # api.client
    owner = Owner(stack_name, state_namespace)                   # engine.ownership
    record = release.load(api, owner)                            # state.release: 1 GET
    seen = observe(api, owner, record)                           # engine.snapshot: 1 LIST per kind
    keep = intact(seen, record)                                  # engine.plan: generated Secrets that need no new data
    objects = own(render(stack, facts, keep), stack_name, state_namespace)
    seen = complete(api, seen, objects, record)                  # no call where there are no new names
    changes = plan(objects, seen, record, force_conflicts=...)
    changes.raise_conflicts()
    if check_mode:
        changes = preview(api, changes, record)                  # engine.apply: dryRun=All
    elif changes.changed:
        pending = release.begin(api, owner, record, changes, who=..., extras={...})        # write ahead
        changes = apply(api, changes, record)
        if not changes.errors: wait(api, objects, owner, timeout=...); changes = prune(api, changes)
        release.finish(api, owner, pending, changes, ready=True)
        raise_errors(changes)

    # state: absent
    changes = plan_removal(observe(api, owner, record), record)
    changes = prune(api, changes); raise_errors(changes); forget(api, owner)
"""
