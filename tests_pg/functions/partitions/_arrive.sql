begin;
select plan(3);
select gendurable._arrive(gen_random_uuid(), 1, '[{"relation": "sequence", "content": 4000}]');
select is(nextval('gendurable.instances_id_seq'), 4001::bigint, 'no id of the other database is given out again');
select gendurable._arrive(gen_random_uuid(), 1,
    '[{"relation": "rate_limits", "content": {"name": "mails", "allowed": 5, "period": "1 second", "burst": 5}},
    {"relation": "schedules", "content": {"name": "s", "cron": "@daily", "fsm": "M", "step": "start", "state": {},
    "queue": "default", "priority": 0, "timezone": "UTC",
        "overlap": "skip", "missed": "one", "weight": 1, "paused": false}}]');
select is((select allowed from gd_limits where name = 'mails'), 5.0::float8, 'a policy arrives');
select is((select next_at > now() from gd_schedules where name = 's'), true, 'a schedule arrives');
select finish();
rollback;
