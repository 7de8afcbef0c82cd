-- gendurable._most_counted: how far the views count, as the session says.
begin;
set local client_min_messages = error;
select plan(6);
select test.up_for_ever();

select is(gendurable._most_counted(), null, 'the session does not say');
set local gendurable.most_counted = '2000';
select is(gendurable._most_counted(), 2000, 'it does');
set local gendurable.most_counted = '1';
select is(gendurable._most_counted(), 100, 'no less than a hundred');
select set_config('gendurable.most_counted', 'many', true) \g /dev/null
select is(gendurable._most_counted(), null, 'what is no number says nothing');

-- The views hear of it: 300 in a queue without a worker, counted to 100.
select gd_enqueue_many(jsonb_agg(jsonb_build_object('fsm', 'm', 'queue', 'nobody')))
    from generate_series(1, 300) \g /dev/null
select is((select count(*) from gd_stuck), 300::bigint, 'all that is stuck');
set local gendurable.most_counted = '100';
select is((select count(*) from gd_stuck), 100::bigint, 'as much of it as the session wants');

select * from finish();
rollback;
