-- In which statuses an instance occupies its correlation key.
begin;
select plan(8);

create function pg_temp.statuses(p_key text, p_scope text[]) returns text language sql as $$
    select string_agg(s, ' ' order by s)
        from unnest('{runnable,executing,awaiting_signal,awaiting_children,done,failed}'::text[]) as s
        where gendurable._occupies(p_key, p_scope, s)
$$;
select is(pg_temp.statuses('k', null), 'awaiting_children awaiting_signal executing runnable',
    'without a scope in the live ones');
select is(pg_temp.statuses('k', '{executing,failed}'), 'executing failed', 'else in those of the scope');
select is(pg_temp.statuses('k', '{}'), null, 'which may be none');
select is(pg_temp.statuses(null, null), null, 'without a key in none');
select is(pg_temp.statuses(null, '{runnable}'), null, 'whatever the scope');
select is(gendurable._occupies('k', null), true, 'a newcomer is runnable');
select is(gendurable._occupies('k', '{executing}'), false, 'which its scope may leave out');
select is(gendurable._occupies(null, '{executing}'), false, 'no key is no key, not unknown');

select * from finish();
rollback;
