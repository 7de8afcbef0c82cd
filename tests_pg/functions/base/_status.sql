-- The public status of each phase.
begin;
select plan(1);

select results_eq($$ select p.phase::text,
    gendurable._status(p.phase) from unnest(enum_range(null::gendurable.phase)) as p (phase) $$,
    $$ values ('ready', 'runnable'), ('scheduled', 'runnable'), ('held', 'runnable'), ('throttled', 'runnable'),
        ('executing', 'executing'), ('awaiting_signal', 'awaiting_signal'),
              ('awaiting_children', 'awaiting_children') $$,
              'ready, scheduled, held and throttled are runnable; every other phase is its own status');

select * from finish();
rollback;
