-- gd_set_retention: how long finished instances are kept.
begin;
select plan(14);

create function pg_temp.stored() returns text language sql as $$
    select concat_ws(' / ', coalesce(r.finished::text, '-'), coalesce(r.failed::text, '-'))
        from gendurable.retention as r $$;
select gd_set_retention('7 days') \g /dev/null
select is(pg_temp.stored(), '7 days / 7 days', 'failed instances are kept as long as the others');
select gd_set_retention('7 days', failed => '30 days') \g /dev/null
select is(pg_temp.stored(), '7 days / 30 days', 'or longer');
select gd_set_retention(retention => null) \g /dev/null
select is(pg_temp.stored(), '- / -', 'null: for ever, and failed ones too');
select gd_set_retention('0', '0') \g /dev/null
select is(pg_temp.stored(), '00:00:00 / 00:00:00', 'zero is allowed');
select throws_ok($$ select gd_set_retention('-1 s') $$, 'GD002', 'gendurable: invalid argument',
    'a negative one is refused');
select throws_ok($$ select gd_set_retention('7000 years') $$, 'GD002', null, 'and so is one from before the calendar');
select throws_ok($$ select gd_set_retention('1 day', '1 hour') $$, 'GD002', null, 'failed ones are not kept shorter');
select throws_ok($$ select gd_set_retention(null, '1 year') $$, 'GD002', null, 'not even than for ever');
select throws_ok($$ select gd_set_retention('1 day', '7000 years') $$, 'GD002', null, 'nor for an absurd time');
select is(pg_temp.stored(), '00:00:00 / 00:00:00', 'what is refused changes nothing');

insert into gendurable.progress (task, position) values ('gendurable.kept', '64'), ('sweep', 'k');
select gd_set_retention('1 year') \g /dev/null
select is((select string_agg(p.task, ' ') from gendurable.progress as p), 'sweep',
    'what was judged by the retention before is judged again');

-- The plain gd_gc takes it.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select n, now(), now() - interval '3 days', 1, 0, 0, 1, n = 2, 'm', 's', 'q', '{}' from generate_series(1, 2) as n;
select is(gd_gc(), 0, 'the plain gd_gc forgets nothing that it keeps');
select gd_set_retention('1 day', '1 year') \g /dev/null
select is(gd_gc(), 1, 'of what it does not keep');
select is((select string_agg(a.id::text, ' ') from gendurable.archive as a), '2', 'failed ones stay for their time');

select * from finish();
rollback;
