-- Limits that will not let an instance start are warned of, wherever they are set.
begin;
select plan(12);

-- A warning goes to the client: this is another one, that says what it was told.
\setenv GENDURABLE_DB :DBNAME
create temp table said (n int generated always as identity, line text);
\copy said (line) from program 'psql -Xq -d "$GENDURABLE_DB" -v VERBOSITY=verbose -f tests_pg/functions/limits/_warn_of_rates.psql 2>&1 | grep -oE "(WARNING|DETAIL|HINT|==|ERROR):? .*"' with (format csv, delimiter e'\x02', quote e'\x01')
create function pg_temp.said(p_part text) returns text language sql as $$
    select string_agg(regexp_replace(x.line, '^WARNING:  ', ''), ' | ' order by x.n)
    from (select s.*, (select h.line from said as h where h.n <= s.n and h.line like '== %' order by h.n desc limit 1)
        as heading from said as s) as x
    where x.line not like '== %' and x.line not like 'HINT%' and x.heading = '== ' || p_part
$$;
select is(pg_temp.said('known'), null,
    'nothing to say of a limit that is known and of a weight that fits, or of a weight without a limit');
select is(pg_temp.said('unknown'), 'GD101: gendurable: unknown rate limit | DETAIL:  rate limit nobody',
    'gd_enqueue warns of an unknown name with GD101');
select is(pg_temp.said('heavy'),
    'GD102: gendurable: weight above burst | DETAIL:  rate limit known: weight 5.5, burst 5',
    'gd_enqueue warns of a weight above the burst with GD102');
select is((select count(*)::int from said where line like 'HINT: %gd_set_rate_limit%'),
    (select count(*)::int from said where line like 'WARNING%'), 'each says what to do');
select is(pg_temp.said('many'),
    'GD102: gendurable: weight above burst | DETAIL:  rate limit known: weight 7, burst 5 | GD101: gendurable: unknown '
    'rate limit | DETAIL:  rate limit x',
    'gd_enqueue_many warns once of each name');
select is(pg_temp.said('next'), 'GD101: gendurable: unknown rate limit | DETAIL:  rate limit lost', 'so does next');
select is(pg_temp.said('children'), 'GD101: gendurable: unknown rate limit | DETAIL:  rate limit orphan',
    'so do children');
select is(pg_temp.said('default weight'),
    'GD102: gendurable: weight above burst | DETAIL:  rate limit small: weight 1, burst 0.5',
    'a weight that is not given is 1');
select is(pg_temp.said('retry'),
    'GD102: gendurable: weight above burst | DETAIL:  rate limit gone: weight 4, burst 3 | GD101: gendurable: unknown '
    'rate limit | DETAIL:  rate limit gone',
    'gd_retry warns of a limit that has been lowered or dropped meanwhile, and of no other');
select is(pg_temp.said('retry, default weight'),
    'GD102: gendurable: weight above burst | DETAIL:  rate limit small: weight 1, burst 0.5',
    'a weight that was not given is 1 there too');
select is(pg_temp.said('retry elsewhere'), null, 'at another step there is no limit to warn of');
select is((select string_agg(fsm, ' ' order by id) from gd_instances where rate_limit is not null),
    'a b c d d d d d f g', 'what is warned of is stored all the same');

select * from finish();
rollback;
