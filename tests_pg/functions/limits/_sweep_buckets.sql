-- Buckets that are full again are forgotten.
begin;
select plan(6);

select is(gendurable._sweep_buckets(), 0, 'no buckets, nothing to forget');
select gd_set_rate_limit('r', 1, '1 minute', 3), gd_set_rate_limit('never', 0, '1 minute', 3) \g /dev/null
insert into gendurable.buckets (key, tokens, refilled_at, due_at) values
    ('r:full', 3, now(), null), ('r:refilled', 0, now() - interval '3 minutes', null),
    ('r:not yet', 0, now() - interval '2 minutes 50 s', null),
    ('r:awaited', 3, now() - interval '1 hour', now() + interval '1 hour'),
    ('r:frozen', 3, now() - interval '1 hour', 'infinity'), ('never:empty', 0, now() - interval '1 hour', null),
    ('never:full', 3, now() - interval '1 hour', null);
select is(gendurable._sweep_buckets(), 2, 'those that are full, at once or by refill, are forgotten and counted');
select is((select string_agg(key, ' ' order by key) from gendurable.buckets),
    'never:empty never:full r:awaited r:frozen r:not yet',
    'what is not full, what an instance waits for and what never refills stays');
update gendurable.buckets set refilled_at = now() - interval '1 hour', full_at = now() where key = 'r:not yet';
select is((select affected from gd_maintain() where task = 'sweep_buckets'), 1::bigint,
    'gd_maintain sweeps and counts');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', format('select gendurable._lock_name(''tokens'', %L)', 'busy' || n)),
    gd_set_rate_limit('free', 1, '1 s'), n from generate_series(1, 1000) as n
where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63 from unnest('{r,never}'::text[]) as x) limit 1 \gset
insert into gendurable.rate_limits (name, allowed, period, burst) values ('busy' || :n, 1, '1 s', 1);
insert into gendurable.buckets (key, tokens, refilled_at) values ('busy' || :n, 1, now());
select is(gendurable._sweep_buckets(), 0, 'a bucket about which another session decides is left alone');
select test.exec('other', 'rollback') \g /dev/null
select is(gendurable._sweep_buckets(), 1, 'until it is free');

select * from finish();
rollback;
