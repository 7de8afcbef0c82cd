-- _check_schedule: what a schedule cannot be.
begin;
\ir ../prelude.psql
select plan(17);

create function pg_temp.check(more jsonb) returns text language plpgsql as $$
begin
    return pg_temp.refusal(format(
        'select gendurable._check_schedule(jsonb_populate_record(null::gendurable.schedules, %L))',
        '{"name": "n", "cron": "@daily", "timezone": "UTC", "fsm": "m", "step": "s", "state": {}, "queue": "q", '
        '"overlap": "skip", "missed": "one", "weight": 1}'::jsonb || more));
end
$$;
select is(pg_temp.check('{}'), 'no error', 'one that can be');
select is(pg_temp.check('{"name": null}'), 'GD001 name is required', 'a name');
select is(pg_temp.check(jsonb_build_object('name', repeat('é', 450))), 'no error', '… of 900 bytes');
select matches(pg_temp.check(jsonb_build_object('name', repeat('é', 450) || 'x')),
    '^GD002 name is longer than 900 bytes: é', '… not more');
select is(pg_temp.check('{"cron": null}'), 'GD001 cron is required', 'a cron expression');
select matches(pg_temp.check('{"cron": "* * *"}'), '^GD002 cron ''\* \* \*'': 3 fields', '… that is one');
select is(pg_temp.check('{"cron": "0 0 31 2 *"}'), 'GD002 cron ''0 0 31 2 *'' has no occurrence within ten years',
    '… and comes');
select is(pg_temp.check('{"timezone": "Nowhere"}'), 'GD002 timezone ''Nowhere''', 'a time zone that there is');
select is(pg_temp.check('{"fsm": null}'), 'GD001 fsm is required', 'a machine');
select is(pg_temp.check('{"queue": ""}'), 'GD002 queue is empty', 'what is enqueued is checked as by gd_enqueue');
select is(pg_temp.check('{"weight": -1}'), 'GD002 weight is -1, not a finite number >= 0', '… its weight, too');
select is(pg_temp.check('{"overlap": "queue"}'), 'GD002 overlap is ''queue'', not skip or allow', 'overlap is a word');
select is(pg_temp.check('{"missed": "some"}'), 'GD002 missed is ''some'', not one, skip or all', 'so is missed');
select is(pg_temp.check('{"stamp": ""}'), 'GD002 stamp is empty or longer than 1,000 bytes', 'a stamp has a name');
select is(pg_temp.check('{"stamp": "at"}'), 'no error', '… in a state that is an object');
select is(pg_temp.check('{"stamp": "at", "state": [1]}'), 'GD002 stamp at is no field of a state of JSON type array',
    '… not in another one');
select is(pg_temp.check('{"state": [1]}'), 'no error', 'without a stamp the state is any JSON');

select * from finish();
rollback;
