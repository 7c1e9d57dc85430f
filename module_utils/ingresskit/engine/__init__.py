"""Plan, apply, wait, prune: one file per verb, over the ``Api`` protocol.

The order of calls, as the driver makes them:

    api = connect(kubeconfig, context, timeout=300)              # api.client: 1 GET
    owner = Owner(stack_name, state_namespace)                   # engine.ownership
    record = store.load(api, owner)                              # state.store: 1 GET
    seen = observe(api, owner, record)                           # engine.snapshot: 1 LIST per kind
    keep = intact(seen, record)                                  # engine.plan: generated Secrets that may stay
    objects = own(render(stack, facts, keep), stack_name, state_namespace)     # engine.ownership
    seen = complete(api, seen, objects, record)                  # no call where there are no new names
    changes = plan(objects, seen, record, force_conflicts=..., adopt=...)
    changes.raise_conflicts()
    changes = verify(api, changes, record, ...)                  # engine.verify: only where verify: dryrun is asked for
    changes = spare(api, changes)                                # engine.prune: Namespaces in use stay
    if check_mode:
        changes = preview(api, changes, record)                  # engine.apply: the server's dry run
        raise_errors(changes)
    elif changes.changed:
        with lease.held(api, owner, who, wait=lock_wait) as lock:    # state.lease; planned again where the record moved
            pending = store.begin(api, owner, record, changes, Note(...))    # written ahead
            try:
                changes = apply(api, changes, record, diff=..., guard=lock.check)
                raise_errors(changes)
                wait(api, objects, owner, timeout=...)           # also where the last result was not "deployed"
                changes = prune(api, changes, diff=..., guard=lock.check)
                raise_errors(changes)
            except IngresskitError as error:
                store.finish(api, owner, pending, changes, ready=False, reason=str(error))
                raise
            store.finish(api, owner, pending, changes, ready=True)
    report(changed=changes.changed, diff=changes.diff(), msg=changes.summary(), details=changes.messages())

    # state: absent
    changes = spare(api, plan_removal(observe(api, owner, record, for_removal=True), record))
    changes = preview(api, changes) if check_mode else prune(api, changes, timeout=60)
    raise_errors(changes)
    notes = forget(api, owner)                                   # not in check mode

Where the last run was interrupted or failed (``record.result != "deployed"``) a run without changes should still wait,
and save the record: ``store.begin`` and ``finish`` do that. ``transaction.py`` is this order as code.
A run is made inside ``rights.telling``: where RBAC refuses a call, the error tells all rights that are missing.
"""
